// A script of its own, because the server's content policy allows no scripts inside pages.
window.onload = () => {
  SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#page',
    deepLinking: true,
    validatorUrl: null,
    defaultModelsExpandDepth: -1,
    docExpansion: 'list',
    presets: [SwaggerUIBundle.presets.apis],
  });
};
