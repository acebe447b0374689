"""What another team needs to write a client, made from the code: JSON Schema, AsyncAPI, EIP-712 types, examples."""
