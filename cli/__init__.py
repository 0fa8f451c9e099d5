"""The one command, `endcap`. Commands are imported only when they are called."""
