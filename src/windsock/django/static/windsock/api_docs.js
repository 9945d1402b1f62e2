// The page of the REST API. A request of somebody who is logged in carries the CSRF token; a bearer token is typed in.
"use strict";
const docs = document.getElementById("docs").dataset;
SwaggerUIBundle({
  domNode: document.getElementById("docs"),
  url: docs.schema,
  deepLinking: true,
  displayOperationId: true,
  filter: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  requestInterceptor(request) {
    const isOurs = new URL(request.url, location).origin === location.origin;
    if (isOurs && !["GET", "HEAD"].includes(request.method || "GET")) {
      request.headers[docs.csrfHeader] = docs.csrfToken;
    }
    return request;
  },
});
