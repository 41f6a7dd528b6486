//! The client against a real TLS server on loopback that answers what each test tells it to.
