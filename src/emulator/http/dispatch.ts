import { randomUUID } from "node:crypto";
import type { ArmAnswer, ArmMethod } from "../model/api/arm-message.ts";
import { armErrors, type ArmFailure, errorBody, failure } from "../model/api/errors.ts";
import { textAt } from "../model/api/json.ts";
import { refusedToken } from "../model/authorization/identities.ts";
import { refusedLink } from "../model/authorization/linked-tenants.ts";
import type { ComputeModel } from "../model/compute-model.ts";
import { TENANT_ID } from "../model/subscription/subscription-handlers.ts";
import { answerCloudMetadata } from "./cloud-metadata.ts";
import { type HttpAnswer, type HttpRequest, parseBody } from "./http-exchange.ts";
import { answerInstanceMetadata } from "./instance-metadata.ts";
import { answerIdentity, claimsOf } from "./token.ts";

/** An answer with the fields that only answers of the model have. */
export interface Dispatched extends HttpAnswer {
  readonly delivery?: ArmAnswer["delivery"];
  readonly sequence?: number;
}

const METHODS: readonly ArmMethod[] = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"];
/** The emulator's own API requires no token: every client that reaches the port may reset it. */
const ADMIN_PREFIX = "/emulator/";

/** Methods whose body must be JSON. */
const WITH_BODY: readonly string[] = ["PUT", "PATCH", "POST"];
const JSON_TYPE = /^(?:application|text)\/json\s*(?:;|$)/i;
const GUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Dispatches a request to cloud metadata, identity, the emulator's own API, or ARM. */
export function dispatch(model: ComputeModel, request: HttpRequest): Dispatched {
  const answered = dispatched(model, request);
  // A client can give several calls one correlation id, by which Azure's logs find them together.
  const { "x-ms-correlation-request-id": correlation = "" } = request.headers;
  const { headers = {} } = answered;
  return GUID.test(correlation) && headers["x-ms-correlation-request-id"] !== undefined
    ? { ...answered, headers: { ...headers, "x-ms-correlation-request-id": correlation } }
    : answered;
}

function dispatched(model: ComputeModel, request: HttpRequest): Dispatched {
  const aside =
    answerCloudMetadata(request) ??
    answerIdentity(request, model.world.settings.identities) ??
    answerInstanceMetadata(model.world, request);
  if (aside !== undefined) return aside;
  const method = METHODS.find((known) => known === request.method);
  if (method === undefined) return refused(armErrors.methodNotAllowed(request.method, request.path));
  const isAdmin = request.path.toLowerCase().startsWith(ADMIN_PREFIX);
  if (!isAdmin && !/^Bearer .+/i.test(request.headers["authorization"] ?? ""))
    return refused(unauthenticated(request.origin));
  const { authorization = "", "x-ms-authorization-auxiliary": auxiliary = "" } = request.headers;
  const claims = claimsOf(authorization);
  const others = auxiliary === "" ? [] : auxiliary.split(",").map(claimsOf);
  for (const token of isAdmin ? [] : [claims, ...others]) {
    const unaccepted = refusedToken(model.world.settings.identities, token, Date.now());
    if (unaccepted !== undefined) return refused(unaccepted);
  }
  const mediaType = isAdmin ? undefined : foreignMediaType(request);
  if (mediaType !== undefined) return refused(armErrors.unsupportedMediaType(mediaType));
  const body = parseBody(request.bodyText);
  if (!body.ok) return refused(armErrors.invalidRequestContent(body.reason));
  const foreign = refusedLink(model.world, {
    method,
    path: request.path,
    body: body.value,
    tenant: textAt(claims, "tid"),
    auxiliaryTenants: others.flatMap((token) => textAt(token, "tid") ?? []),
  });
  if (foreign !== undefined) return refused(foreign);
  const {
    "if-match": ifMatch,
    "if-none-match": ifNoneMatch,
    "x-ms-client-request-id": clientRequestId,
    "x-emulator-caller": caller = textAt(claims, "appid"),
  } = request.headers;
  const answer = model.handle({
    method,
    path: request.path,
    query: request.query,
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(clientRequestId === undefined ? {} : { clientRequestId }),
    ...(caller === undefined ? {} : { caller }),
    ...(body.value === undefined ? {} : { body: body.value }),
    origin: request.origin,
  });
  return {
    ...answer,
    headers: { ...answer.headers, ...routingHeader(answer.headers["x-ms-request-id"] ?? "") },
  };
}

/** The media type of a body that is not JSON; undefined where it is, or where there is none. */
function foreignMediaType({ method, headers, bodyText }: HttpRequest): string | undefined {
  const { "content-type": mediaType = "" } = headers;
  const isForeign = WITH_BODY.includes(method) && !JSON_TYPE.test(mediaType);
  return isForeign && (bodyText !== "" || mediaType !== "") ? mediaType || "<null>" : undefined;
}

/** `x-ms-routing-request-id: EMULATOR:20261120T093512Z:<request id>`. */
function routingHeader(requestId: string): Readonly<Record<string, string>> {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return { "x-ms-routing-request-id": `EMULATOR:${time}:${requestId}` };
}

/** A refusal in ARM's common form. */
export function refused(reason: ArmFailure): HttpAnswer {
  const requestId = randomUUID();
  const headers = {
    "x-ms-request-id": requestId,
    "x-ms-correlation-request-id": requestId,
    ...routingHeader(requestId),
  };
  return {
    status: reason.status,
    headers: { ...headers, "x-ms-failure-cause": "gateway", ...reason.headers },
    body: errorBody(reason),
  };
}

/** Clients learn from it where to sign in, and in which tenant. */
function unauthenticated(origin: string): ArmFailure {
  return failure(
    401,
    "AuthenticationFailed",
    "Authentication failed. The 'Authorization' header is missing.",
    {
      headers: {
        "www-authenticate":
          `Bearer authorization_uri="${origin}/${TENANT_ID}", error="invalid_token", ` +
          "error_description=\"The authentication failed because of missing 'Authorization' header.\"",
      },
    },
  );
}
