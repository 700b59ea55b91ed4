"""Who somebody is: users, sessions, second factors."""
