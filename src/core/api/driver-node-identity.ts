import { isSameResourceUri } from "../azure/disk-uri.ts";
import type { NodeIdentity } from "./node-identity.ts";

/** What others than its own token say of the node of an AzDriverNode, and of the VM that it reports. */
export interface VmWitnesses {
  /**
   * The resource id of the node's VM, by the orchestrator; undefined: it has no such node, or that names no
   * VM.
   */
  readonly instanceUri: string | undefined;
  /** The orchestrator's node on the VM that is reported; undefined: it says so of none. */
  readonly nodeName: string | undefined;
  /** Other AzDriverNodes that report the same VM and of whose nodes the orchestrator names no VM. */
  readonly rivals: readonly string[];
  /** Whether a node of which the orchestrator names no VM is believed. */
  readonly trustsUnnamed: boolean;
}

/**
 * Why an AzDriverNode is ignored, as a sentence without its full stop. `isEarly`: its orchestrator's node
 * may just not name its VM yet.
 */
export interface DriverNodeProblem {
  readonly because: string;
  readonly isEarly: boolean;
}

/**
 * Why what an AzDriverNode says of its VM is not believed; undefined: it is. A node's token writes its
 * AzDriverNode, and not its Node: `spec.providerID` is set by the cloud's node controller, or once by the
 * kubelet, and is immutable after that.
 */
export function driverNodeProblem(
  { nodeName, instanceUri: reported }: Pick<NodeIdentity, "nodeName" | "instanceUri">,
  witnesses: VmWitnesses,
): DriverNodeProblem | undefined {
  const { instanceUri, nodeName: nodeThere = nodeName, rivals, trustsUnnamed } = witnesses;
  if (instanceUri !== undefined && !isSameResourceUri(instanceUri, reported))
    return certain(`it reports the VM ${reported}, and node ${nodeName} is the VM ${instanceUri}`);
  if (nodeThere !== nodeName) return certain(`it reports the VM ${reported}, which is node ${nodeThere}`);
  if (instanceUri !== undefined || witnesses.nodeName === nodeName) return undefined;
  if (!trustsUnnamed)
    return {
      because: `it reports the VM ${reported}, and no Node ${nodeName} names its VM (spec.providerID)`,
      isEarly: true,
    };
  return rivals.length === 0
    ? undefined
    : certain(`it reports the VM ${reported}, and so does ${rivals.join(", ")}`);
}

function certain(because: string): DriverNodeProblem {
  return { because, isEarly: false };
}
