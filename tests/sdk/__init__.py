"""The SDK: how requests are sent, and what users write."""
