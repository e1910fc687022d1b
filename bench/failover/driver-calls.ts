import type { Lab } from "../../testbed/lab/lab.ts";
import type { DriverCall } from "./phases.ts";

const PODS = "/api/v1/namespaces/kube-system/pods";
const CONTAINER = "azuredisk";
const SELECTOR = "app in (csi-azuredisk-controller,csi-azuredisk-node)";

interface DriverPod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
}

/** What a plug-in logs of each call that it has answered. */
interface CallLine {
  readonly time: string;
  readonly method: string;
  readonly code: string;
  readonly durationMs: number;
  readonly request: { readonly volumeId?: string; readonly nodeId?: string };
}

/**
 * The answered CSI calls about a volume since then, from the plug-ins' logs: node calls from node plug-ins,
 * calls about nodes from the controllers.
 */
export async function driverCallsSince(
  lab: Lab,
  { volumeId, sinceMs }: { readonly volumeId: string; readonly sinceMs: number },
): Promise<readonly DriverCall[]> {
  const pods = await lab.request({ url: `${PODS}?labelSelector=${encodeURIComponent(SELECTOR)}` });
  const calls = await Promise.all(
    (pods.body as { readonly items: readonly DriverPod[] }).items.map(async ({ metadata, spec }) => {
      const since = encodeURIComponent(new Date(sinceMs).toISOString());
      const { code, body } = await lab.request({
        url: `${PODS}/${metadata.name}/log?container=${CONTAINER}&sinceTime=${since}`,
      });
      // A deleted pod has no log any more.
      if (code === 404) return [];
      if (code !== 200) throw new Error(`log of ${metadata.name}: ${code} ${JSON.stringify(body)}`);
      return parseCalls(typeof body === "string" ? body : JSON.stringify(body), spec.nodeName).filter(
        (call) => call.volumeId === volumeId,
      );
    }),
  );
  return calls.flat().filter(({ endMs }) => endMs >= sinceMs);
}

/** The calls in a plug-in's log. A call that names no node belongs to the plug-in's own node. */
function parseCalls(
  log: string,
  ownNode: string,
): readonly (DriverCall & { readonly volumeId: string | undefined })[] {
  return log
    .split("\n")
    .filter((line) => line.includes('"durationMs"') && line.includes('"method"'))
    .map((line) => {
      const { time, method, code, durationMs, request } = JSON.parse(line) as CallLine;
      const endMs = Date.parse(time);
      return {
        method: method.slice(method.lastIndexOf("/") + 1),
        code,
        nodeName: request.nodeId ?? ownNode,
        volumeId: request.volumeId,
        startMs: endMs - durationMs,
        endMs,
      };
    });
}
