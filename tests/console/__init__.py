"""The console in a real browser, against a line on this machine. `make test-console` brings the browser's driver."""
