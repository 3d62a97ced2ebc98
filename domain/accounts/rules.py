"""What a name, an e-mail address and a password must look like. Pure."""
