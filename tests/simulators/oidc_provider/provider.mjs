// A real OpenID provider (oidc-provider) whose people log in without a form: whoever the request's
// login_hint names. Arguments: where its packages are, its port, and as JSON the client and the
// people. One line on standard output when it listens; POST /test/rotate gives it new keys.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";

const [modules, port, options] = process.argv.slice(2);
const { default: Provider } = await import(`${modules}/node_modules/oidc-provider/lib/index.js`);
const { client, people } = JSON.parse(options);
const issuer = `http://127.0.0.1:${port}`;

function key() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function provider() {
  const made = new Provider(issuer, {
    clients: [client],
    jwks: { keys: [key()] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    scopes: ["openid", "profile", "groups"],
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, ...people[id] }),
    }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile groups");
      await grant.save();
      return grant;
    },
  });
  return { made, answer: made.callback() };
}

let current = provider();

async function logIn(request, response) {
  const { params } = await current.made.interactionDetails(request, response);
  const login = { accountId: params.login_hint, remember: true };
  await current.made.interactionFinished(request, response, { login });
}

const server = createServer((request, response) => {
  if (request.url === "/test/rotate") {
    current = provider();
    response.end("rotated");
  } else if (request.url.startsWith("/interaction/")) {
    logIn(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  } else {
    current.answer(request, response);
  }
});
server.listen(Number(port), "127.0.0.1", () => console.log("listening"));
