import type { ControllerCsi, CsiAnswer, CsiCall } from "../../driver/endpoints.ts";
import type { ControlPlane } from "../controllers/control-plane.ts";

/**
 * What a sidecar of the controller works with: it ends with `tasks`, and another one starts without state.
 */
export interface Sidecar extends ControlPlane {
  /** The plug-in beside it; undefined while none runs. */
  readonly controller: () => ControllerCsi | undefined;
}

/**
 * Calls the plug-in beside the sidecar. While none runs, the socket has no listener, which gRPC reports as
 * `UNAVAILABLE`.
 */
export async function callController<Request, Response>(
  sidecar: Sidecar,
  method: (csi: ControllerCsi) => CsiCall<Request, Response>,
  request: Request,
  timeoutMs: number,
): Promise<CsiAnswer<Response>> {
  const { signal } = sidecar.tasks;
  const csi = sidecar.controller();
  if (csi === undefined) return { ok: false, code: "UNAVAILABLE", message: "no controller plug-in runs" };
  const answer = await method(csi)(request, { timeoutMs, signal });
  signal.throwIfAborted();
  await sidecar.api.untilReachable(signal);
  return answer;
}
