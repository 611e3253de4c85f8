// A script of its own, because the server's content policy allows no scripts inside pages. The page at
// /docs/<face> shows the document of that face, /docs that of the console.
window.onload = () => {
  const face = location.pathname.match(/^\/docs\/([a-z]+)$/);
  SwaggerUIBundle({
    url: face ? '/openapi/' + face[1] + '.json' : '/openapi.json',
    dom_id: '#page',
    deepLinking: true,
    validatorUrl: null,
    defaultModelsExpandDepth: -1,
    docExpansion: 'list',
    presets: [SwaggerUIBundle.presets.apis],
  });
};
