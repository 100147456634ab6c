"""What an encoder decides, under which objective and constraints, and who decides: decision process, actor and policy file."""
