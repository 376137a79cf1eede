/** Signs a user in at the user pool, and keeps their ID token fresh. */
export interface Session {
  email: string;
  token: (options: { refresh: boolean }) => Promise<string>;
}

interface Tokens {
  IdToken: string;
  RefreshToken?: string;
}

const EARLY_MS = 60_000; // a token that ends so soon is renewed before it is used

/** Rejects, with the user pool's words, if the password is wrong. */
export async function signIn(clientId: string, email: string, password: string): Promise<Session> {
  const parameters = { USERNAME: email, PASSWORD: password };
  let tokens = await initiate(clientId, "USER_PASSWORD_AUTH", parameters);
  const token = async ({ refresh }: { refresh: boolean }) => {
    if ((refresh || endsAt(tokens.IdToken) < Date.now() + EARLY_MS) && tokens.RefreshToken) {
      const renewed = await initiate(clientId, "REFRESH_TOKEN_AUTH", { REFRESH_TOKEN: tokens.RefreshToken });
      tokens = { ...tokens, ...renewed };
    }
    return tokens.IdToken;
  };
  return { email, token };
}

async function initiate(clientId: string, flow: string, parameters: Record<string, string>): Promise<Tokens> {
  const answer = await fetch("/cognito-idp/", {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
    },
    body: JSON.stringify({ ClientId: clientId, AuthFlow: flow, AuthParameters: parameters }),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await answer.json()) as { AuthenticationResult?: Tokens; message?: string };
  if (!body.AuthenticationResult) throw new Error(body.message ?? `HTTP ${answer.status}`);
  return body.AuthenticationResult;
}

function endsAt(token: string): number {
  return (JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) as { exp: number }).exp * 1000;
}
