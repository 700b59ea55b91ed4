// No validator and no other origin: the page works offline.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  // Whoever has signed in as a browser proves with it that a request comes from a page of ours.
  requestInterceptor: (request) => {
    request.headers["X-Dashtam-Request"] = "docs";
    return request;
  },
});
