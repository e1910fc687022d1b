import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import type { Clock } from "../../ports/clock.ts";
import { IdentityService, type ProbeResponse } from "../gen/csi/v1/csi.ts";
import { parseEndpoint } from "../server/parse-endpoint.ts";
import type { UnixSockets } from "../server/unix-sockets.ts";
import { untilAnswering } from "../server/until-answering.ts";

/**
 * Calls Probe on a CSI endpoint, as livenessprobe does, over a connection of its own. So it finds a
 * process whose socket is gone or that no longer answers. Returns why the plug-in does not serve;
 * undefined if it does. Over `unixSockets`, which gRPC's client can't use, any answer to a call counts.
 */
export async function probePlugin(
  endpoint: string,
  options: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly unixSockets?: UnixSockets | undefined;
  },
): Promise<string | undefined> {
  const parsed = parseEndpoint(endpoint);
  if (options.unixSockets !== undefined && parsed.ok && parsed.value.kind === "unix")
    return whyNoAnswer(options.unixSockets, parsed.value.path, options);
  const address = endpoint.replace(/^tcp:\/\//u, "").replace(/^unix:(?:\/\/)?/u, "unix:");
  const { path, requestSerialize, responseDeserialize } = IdentityService.probe;
  const client = new Client(address, credentials.createInsecure());
  try {
    const answer = await new Promise<ProbeResponse>((resolve, reject) => {
      const deadline = options.clock.nowMs() + options.timeoutMs;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        new Metadata(),
        { deadline },
        // gRPC gives one of the two.
        (error, response) => (response === undefined ? reject(error) : resolve(response)),
      );
    });
    return answer.ready === false ? `the plug-in at ${endpoint} says that it is not ready` : undefined;
  } catch (error) {
    return `the plug-in at ${endpoint} does not answer: ${messageOf(error)}`;
  } finally {
    client.close();
  }
}

async function whyNoAnswer(
  unixSockets: UnixSockets,
  path: string,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string | undefined> {
  const connected = unixSockets.connect(path);
  const answered = connected.ok
    ? await untilAnswering(connected.value, { path, clock, limitMs: timeoutMs })
    : connected;
  return answered.ok ? undefined : describeFailure(answered.failure);
}
