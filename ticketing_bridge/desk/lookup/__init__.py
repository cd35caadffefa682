"""Pages of what is looked up: knowledge base, phone book, and how drafts fare."""
