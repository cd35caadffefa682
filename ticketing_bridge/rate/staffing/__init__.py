"""How many agents next week needs: forecast, Erlang A, and a simulation that checks both."""
