"""What runs inside each way's own interpreter: its app, its tasks, how it enqueues."""
