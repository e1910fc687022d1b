import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import type { ObservedVolume } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { isOff } from "../../core/azure/power-state.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { planWriter } from "../../core/writer/plan-writer.ts";
import { ASK_AGAIN_MS } from "../../core/writer/recheck-pace.ts";
import type { AzureQuestion, RecordAction, WriterAction } from "../../core/writer/writer-action.ts";
import type { InstanceFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";
import { executeWriterAction } from "../writer/execute-writer-action.ts";
import { askIfGone } from "./prune-vm.ts";

const STRANDED = "it has no AzVolumeAttachment to be recalled through, and its VM does not have the disk";

/**
 * Asks Azure whether VMs that keep a volume from its next writer still exist and have the disk. Runs in a
 * loop of its own: the volume's loop never waits for Azure, and runs at each change of an attachment,
 * which a node may write as often as it likes. No change triggers a read before its time, but for one of a
 * node whose VM the record names otherwise: within a second. At most three reads of a volume each time; the
 * deletion of a VM takes longer.
 */
export function goneReconciler(ports: FencingPorts): Reconciler {
  return {
    name: "gone",
    workers: 16,
    backoff: { baseMs: 1_000, maxMs: ASK_AGAIN_MS },
    reconcile: (volumeName, signal) => checkVolume(ports, volumeName, signal),
  };
}

async function checkVolume(
  ports: FencingPorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const observed = observeVolume(ports, volumeName);
  const volumeId = observed?.volume.status?.detail?.diskUri;
  if (observed === undefined || volumeId === undefined) return ok({});
  const questions = planWriter(observed).filter((action) => action.kind === "AskAzure");
  for (const asked of questions) {
    const checked = await carryOut(ports, observed, volumeId, asked, signal);
    if (!checked.ok && checked.failure.kind !== "NotWriter") return checked;
  }
  return ok(questions.length === 0 ? {} : { requeueAfterMs: ASK_AGAIN_MS });
}

async function carryOut(
  ports: FencingPorts,
  observed: ObservedVolume,
  volumeId: string,
  { question, node }: Extract<WriterAction, { kind: "AskAzure" }>,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const volumeName = observed.volume.metadata.name;
  if (question === "gone") return askIfGone(ports, { volumeName, volumeId }, node, signal);
  const instance = await ports.cloud.inspectInstance(node, signal);
  if (!instance.ok) {
    if (instance.failure.kind !== "InstanceNotFound") return instance;
    // Absence is proven by `gone`, which is not planned while a node sends heartbeats.
    const { nodeName, instanceUri } = node;
    ports.logger.info("VM not found: asked again", { question, volumeName, nodeName, instanceUri });
    return ok({});
  }
  // A VM that was replaced is handled like one that may be gone. A node's token may report any `vmId`: only
  // Azure shows which VM is there.
  if (!isSameVmId(instance.value.vmId, node.vmId)) return ok({});
  const action = actionFor({ question, node }, instance.value, volumeId);
  return action === undefined ? ok({}) : executeWriterAction(ports, observed, action, signal);
}

/** What follows from a VM that exists. */
function actionFor(
  { question, node }: { readonly question: Exclude<AzureQuestion, "gone">; readonly node: NodeIdentity },
  { powerState, dataDisks }: InstanceFacts,
  volumeId: string,
): RecordAction | undefined {
  switch (question) {
    case "detached":
      // Where the disk is listed, recovery creates the missing attachment. The fence checks who uses the
      // volume there, proves that the disk is not there, and keeps others from attaching it there.
      return dataDisks.some(({ diskUri }) => isSameResourceUri(diskUri, volumeId))
        ? undefined
        : { kind: "BeginFence", node, ground: "stalled", because: STRANDED };
    case "off":
      // A stopped VM writes nothing; a running one may, whichever VM has its name.
      return isOff(powerState)
        ? {
            kind: "BeginFence",
            node,
            ground: "off",
            because: `the VM ${node.instanceUri} is ${powerState}, and its node is another VM by now`,
          }
        : undefined;
    case "moved":
      return { kind: "Revoke" };
    default:
      return unreachable(question);
  }
}
