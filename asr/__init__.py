"""Speech recognition: Vosk in processes of its own, live streams, recordings, and transcripts made of them.

It knows neither Asterisk nor SQL nor tickets: samples come in, words with times and confidences go out.
"""
