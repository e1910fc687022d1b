import { credentials, Metadata } from "@grpc/grpc-js";
import type { Clock } from "../../ports/clock.ts";
import { IdentityClient, ProbeRequest, type ProbeResponse } from "../gen/csi/v1/csi.ts";

/**
 * Calls Probe on a CSI endpoint, as livenessprobe does, over a connection of its own. So it finds a
 * process whose socket is gone or that no longer answers. Returns why the plug-in does not serve;
 * undefined if it does.
 */
export async function probePlugin(
  endpoint: string,
  options: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string | undefined> {
  const address = endpoint.replace(/^tcp:\/\//u, "").replace(/^unix:(?:\/\/)?/u, "unix:");
  const client = new IdentityClient(address, credentials.createInsecure());
  try {
    const answer = await new Promise<ProbeResponse>((resolve, reject) => {
      const deadline = options.clock.nowMs() + options.timeoutMs;
      client.probe(ProbeRequest.create(), new Metadata(), { deadline }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
    return answer.ready === false ? `the plug-in at ${endpoint} says that it is not ready` : undefined;
  } catch (error) {
    return (
      `the plug-in at ${endpoint} does not answer: ` +
      `${error instanceof Error ? error.message : String(error)}`
    );
  } finally {
    client.close();
  }
}
