"""The application that receives providers' redirects; it serves no other purpose."""
