// In a file of its own, since the pages' policy allows no script in a page.
SwaggerUIBundle({
  url: "/api/docs/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // which would show the document to somebody else
});
