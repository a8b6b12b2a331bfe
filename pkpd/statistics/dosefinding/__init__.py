"""MCP-Mod: is there a dose-response, which curve describes it, and which dose gives the effect wanted."""
