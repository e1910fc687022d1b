import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import type { NodeIdentity } from "./node-identity.ts";

/** What others than its own token say of the node of an AzDriverNode, and of the VM that it reports. */
export interface VmWitnesses {
  /** The resource id of the node's VM, by the orchestrator; undefined: no such node, or it names none. */
  readonly instanceUri: string | undefined;
  /** The orchestrator's node on the reported VM. Undefined: it knows of none. */
  readonly nodeName: string | undefined;
  /** Other AzDriverNodes that report the same VM, and for whose nodes the orchestrator names no VM. */
  readonly rivals: () => readonly string[];
  /** Whether to believe a node for which the orchestrator names no VM. */
  readonly trustsUnnamed: boolean;
}

/** Why an AzDriverNode is ignored, as a clause. `isEarly`: its node may only not name its VM yet. */
export interface DriverNodeProblem {
  readonly because: string;
  readonly isEarly: boolean;
}

/**
 * Why the VM that an AzDriverNode reports is not believed. Undefined: it is. A node's token writes its
 * AzDriverNode, but not its Node: the cloud's node controller or the kubelet sets `spec.providerID` once,
 * and it is immutable after that.
 */
export function driverNodeProblem(
  { nodeName, instanceUri: reported }: Pick<NodeIdentity, "nodeName" | "instanceUri">,
  witnesses: VmWitnesses,
): DriverNodeProblem | undefined {
  const { instanceUri, nodeName: nodeThere = nodeName, trustsUnnamed } = witnesses;
  if (instanceUri !== undefined && !isSameResourceUri(instanceUri, reported))
    return certain(`it reports the VM ${reported}, and node ${nodeName} is the VM ${instanceUri}`);
  if (nodeThere !== nodeName) return certain(`it reports the VM ${reported}, which is node ${nodeThere}`);
  if (instanceUri !== undefined || witnesses.nodeName === nodeName) return undefined;
  if (!trustsUnnamed)
    return {
      because: `it reports the VM ${reported}, and no Node ${nodeName} names its VM (spec.providerID)`,
      isEarly: true,
    };
  const rivals = witnesses.rivals();
  return rivals.length === 0
    ? undefined
    : certain(`it reports the VM ${reported}, and so does ${rivals.join(", ")}`);
}

function certain(because: string): DriverNodeProblem {
  return { because, isEarly: false };
}
