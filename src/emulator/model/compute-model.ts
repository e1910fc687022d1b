import type { ArmAnswer, ArmCall, ArmRequest, HandlerResult } from "./arm-message.ts";
import { armErrors, errorBody } from "./errors.ts";
import { createJournal, type Journal } from "./journal.ts";
import { advanceTo, type DueEffects, nextDueMs, settleOperation, takeDueEffects } from "./operations.ts";
import { createSeededRandom } from "./random.ts";
import { createRouter, type Routed } from "./router.ts";
import { ARM_ROUTES, POLL_OPERATION } from "./routes.ts";
import { DEFAULT_SETTINGS, type ModelSettings } from "./settings.ts";
import { createWorld, type World } from "./world.ts";

export interface ComputeModelOptions {
  /** Where the model reads the time; virtual in a simulation. */
  readonly clock: { nowMs(): number };
  /** Default 1. The same seed and the same calls at the same times give the same answers. */
  readonly seed?: number;
  readonly settings?: Partial<ModelSettings>;
  /** Whether someone carries out the effects on devices (`takeDueEffects`, `settleOperation`). Default false: operations end when they are due. */
  readonly hasDataPlane?: boolean;
}

/** Azure's compute provider and the part of ARM in front of it, as a deterministic state machine. */
export interface ComputeModel {
  /** Answers one ARM call at the clock's time. */
  handle(request: ArmRequest): ArmAnswer;
  /** When the next operation ends by itself; `undefined` when nothing is under way. */
  nextEventAtMs(): number | undefined;
  /** Lets operations end that are due at that time. `handle` does so by itself. */
  advanceTo(nowMs: number): void;
  /** What the devices have to do now, operation by operation; with a data plane only. */
  takeDueEffects(): readonly DueEffects[];
  /** Ends an operation whose effects have been carried out, or failed for the reason given. */
  settleOperation(operationId: string, deviceFailure?: string): void;
  readonly journal: Journal;
  /** Everything there is, for set-up, inspection and checkers. */
  readonly world: World;
}

const API_VERSION = /^\d{4}-\d{2}-\d{2}(-preview)?$/;
const DEFAULT_ORIGIN = "https://management.azure.com";

export function createComputeModel(options: ComputeModelOptions): ComputeModel {
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const world = createWorld({ settings, random: createSeededRandom(options.seed ?? 1), nowMs: options.clock.nowMs(), hasDataPlane: options.hasDataPlane ?? false });
  const journal = createJournal(settings.journalMax);
  const route = createRouter(ARM_ROUTES);

  return {
    handle: (request) => {
      advanceTo(world, options.clock.nowMs());
      const routed = route(request.method, request.path);
      const requestId = world.random.guid();
      const result = answerTo(world, request, routed);
      return finish(journal, world, request, { routed, result, requestId });
    },
    nextEventAtMs: () => nextDueMs(world),
    advanceTo: (nowMs) => advanceTo(world, nowMs),
    takeDueEffects: () => takeDueEffects(world),
    settleOperation: (operationId, deviceFailure) => settleOperation(world, operationId, deviceFailure),
    journal,
    world,
  };
}

function answerTo(world: World, request: ArmRequest, routed: Routed): HandlerResult {
  if (routed.kind === "Unknown") return armErrors.noSuchRoute(request.path);
  if (routed.kind === "WrongMethod") return armErrors.methodNotAllowed(request.method, request.path);
  const query = Object.fromEntries(Object.entries(request.query ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const apiVersion = query["api-version"];
  if (apiVersion === undefined) return armErrors.missingApiVersion();
  if (!API_VERSION.test(apiVersion)) return armErrors.invalidApiVersion(apiVersion);
  const call: ArmCall = {
    path: request.path,
    params: routed.params,
    query,
    ifMatch: request.ifMatch,
    ifNoneMatch: request.ifNoneMatch,
    body: request.body,
    apiVersion,
    origin: request.origin ?? DEFAULT_ORIGIN,
  };
  return routed.route.handler(world, call);
}

interface Outcome {
  readonly routed: Routed;
  readonly result: HandlerResult;
  readonly requestId: string;
}

function finish(journal: Journal, world: World, request: ArmRequest, { routed, result, requestId }: Outcome): ArmAnswer {
  const operation = routed.kind === "Found" ? routed.route.operation : "Unknown";
  const operationId = /\/(?:Disk)?operations\/([^/?]+)/i.exec(result.headers?.["azure-asyncoperation"] ?? "")?.[1];
  const entry = journal.append({
    atMs: world.nowMs,
    kind: operation === POLL_OPERATION ? "poll" : "arm",
    operation,
    method: request.method,
    path: request.path,
    query: request.query ?? {},
    ...(request.ifMatch === undefined ? {} : { ifMatch: request.ifMatch }),
    ...(request.clientRequestId === undefined ? {} : { clientRequestId: request.clientRequestId }),
    requestId,
    ...(request.body === undefined ? {} : { body: request.body }),
    status: result.status,
    ...(result.kind === "Failure" ? { errorCode: result.code } : {}),
    ...(operationId === undefined ? {} : { operationId }),
  });
  const body = result.kind === "Failure" ? errorBody(result) : result.body;
  return {
    status: result.status,
    headers: { ...commonHeaders(request, requestId), ...failureHeaders(result), ...result.headers },
    ...(body === undefined ? {} : { body }),
    delivery: { kind: "Answered" },
    sequence: entry.sequence,
  };
}

function commonHeaders(request: ArmRequest, requestId: string): Record<string, string> {
  return {
    "x-ms-request-id": requestId,
    "x-ms-correlation-request-id": requestId,
    "x-ms-routing-request-id": `EMULATOR:${requestId}`,
    ...(request.clientRequestId === undefined ? {} : { "x-ms-client-request-id": request.clientRequestId }),
    "cache-control": "no-cache",
    pragma: "no-cache",
    expires: "-1",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
  };
}

function failureHeaders(result: HandlerResult): Record<string, string> {
  return result.kind === "Failure" ? { "x-ms-failure-cause": result.cause ?? "service", "x-ms-error-code": result.code } : {};
}
