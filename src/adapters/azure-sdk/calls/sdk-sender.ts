import type { ComputeManagementClient } from "@azure/arm-compute";
import { createHttpHeaders, createPipelineRequest, type HttpClient } from "@azure/core-rest-pipeline";
import type { Clock } from "../../../ports/clock.ts";
import type { ArmAnswer, ArmOperation, NextPage } from "../../../provisioner/arm/arm-api.ts";
import { readPages } from "../../arm-wire/read-pages.ts";
import { readSent, type SentAnswer, startedFrom, valueFrom } from "../../arm-wire/wire-answer.ts";
import { type CallOptions, sendThroughSdk } from "../sdk-call.ts";

type Invoke = (call: CallOptions) => Promise<unknown>;

/** A call that starts an operation on a resource of this kind. */
interface StartingCall {
  readonly kind: ArmOperation["kind"];
  readonly clientRequestId: string;
  /** What precedes the driver's own User-Agent. Default: nothing. */
  readonly userAgent?: string | undefined;
}

/** Sends calls through the SDK, and reads their answers from the wire. */
export interface SdkSender {
  readonly read: <T>(
    clientRequestId: string,
    readValue: (body: unknown) => T,
    invoke: Invoke,
    signal: AbortSignal,
  ) => Promise<ArmAnswer<T>>;
  /** `first` asks for the first page; the others are read from the addresses in the answers. */
  readonly list: <T>(
    request: { readonly clientRequestId: string; readonly nextPage?: NextPage },
    readItem: (item: unknown) => T,
    first: Invoke,
    signal: AbortSignal,
  ) => Promise<ArmAnswer<readonly T[]>>;
  /** Starts an operation, whose end `invoke` does not await. */
  readonly start: (
    starting: StartingCall,
    invoke: Invoke,
    signal: AbortSignal,
  ) => Promise<ArmAnswer<ArmOperation>>;
  readonly getUrl: (url: string, clientRequestId: string, signal: AbortSignal) => Promise<SentAnswer>;
}

/** Longest wait for one answer, in milliseconds, unless the options name another. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Builds the sender. `client` has the pipeline that addresses are read through. */
export function createSdkSender({
  client,
  httpClient,
  clock,
  userAgent: ownUserAgent,
  requestTimeoutMs: timeoutMs = REQUEST_TIMEOUT_MS,
}: {
  readonly client: ComputeManagementClient;
  readonly httpClient: HttpClient;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly requestTimeoutMs?: number;
}): SdkSender {
  function send(clientRequestId: string, invoke: Invoke, signal: AbortSignal): Promise<SentAnswer> {
    return sendThroughSdk({ clientRequestId, timeoutMs, nowMs: () => clock.nowMs() }, invoke, signal);
  }

  const getUrl: SdkSender["getUrl"] = (url, clientRequestId, signal) =>
    send(
      clientRequestId,
      async ({ requestOptions, abortSignal, onResponse }) => {
        const headers = createHttpHeaders({ accept: "application/json", ...requestOptions.headers });
        const request = createPipelineRequest({ url, headers, abortSignal });
        onResponse(await client.pipeline.sendRequest(httpClient, request));
      },
      signal,
    );

  return {
    read: async (clientRequestId, readValue, invoke, signal) =>
      readSent(await send(clientRequestId, invoke, signal), (wire) => valueFrom(wire, readValue)),
    list: async ({ clientRequestId, nextPage }, readItem, first, signal) =>
      readPages(await send(clientRequestId, first, signal), {
        clientRequestId,
        nextPage,
        readItem,
        get: (nextLink) => getUrl(nextLink, clientRequestId, signal),
      }),
    start: async ({ kind, clientRequestId, userAgent }, invoke, signal) =>
      readSent(
        await send(clientRequestId, (call) => invoke(asUserAgent(userAgent, ownUserAgent, call)), signal),
        (wire) => startedFrom(wire, kind),
      ),
    getUrl,
  };
}

/** The SDK leaves a User-Agent that a call brings: the driver's own has to follow in it. */
function asUserAgent(ofClass: string | undefined, own: string, call: CallOptions): CallOptions {
  if (ofClass === undefined) return call;
  const headers = { ...call.requestOptions.headers, "user-agent": `${ofClass} ${own}` };
  return { ...call, requestOptions: { headers } };
}
