import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";
import type { SimMachine } from "../../azure/sim-machine.ts";
import type { CsiAnswer, CsiCall, NodeCsi } from "../../driver/endpoints.ts";
import type { Trace } from "../../trace.ts";
import type { ApiServer } from "../api/api-server.ts";
import type { ApiView } from "../api/api-view.ts";
import type { TaskGroup } from "../api/task-group.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import type { KubeletFiles } from "./kubelet-files.ts";

/**
 * What one process of a kubelet works with: it ends with `tasks`, and the next one finds `files` and
 * `runtime`.
 */
export interface KubeletContext {
  readonly nodeName: string;
  readonly zone: string;
  /** Azure's region. */
  readonly location: string;
  readonly machine: SimMachine;
  /** The machine's. */
  readonly clock: Clock;
  readonly api: ApiServer;
  readonly view: ApiView;
  readonly random: Random;
  readonly tasks: TaskGroup;
  readonly trace: Trace;
  readonly files: KubeletFiles;
  readonly runtime: ContainerRuntime;
  readonly attach: "kubernetes" | "driver";
  readonly statusTickMs: number;
  /** The node plug-in; undefined while none runs. */
  readonly csi: () => NodeCsi | undefined;
  /** Resolves while the machine runs and the API server can be reached. */
  readonly untilReachable: (signal: AbortSignal) => Promise<void>;
  readonly isReachable: () => boolean;
}

/** `csiTimeout`: how long a kubelet waits for a response. */
const TIMEOUT_MS = 120_000;

/** Calls the node's plug-in; undefined if there is none, so that no call was made. */
export async function callNode<Request, Response>(
  { csi, machine, tasks: { signal } }: KubeletContext,
  method: (csi: NodeCsi) => CsiCall<Request, Response>,
  request: Request,
): Promise<CsiAnswer<Response> | undefined> {
  const plugin = csi();
  if (plugin === undefined) return undefined;
  const answer = await method(plugin)(request, { timeoutMs: TIMEOUT_MS, signal });
  signal.throwIfAborted();
  await unlessAborted(machine.passed(), signal);
  return answer;
}
