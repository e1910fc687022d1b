import { isSameNode, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { recordOf } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { planWriter } from "../../core/writer/plan-writer.ts";
import { ASK_AGAIN_MS } from "../../core/writer/recheck-pace.ts";
import { isGrantedAgain } from "../../core/writer/record/is-granted-again.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";
import { oneToReport } from "../try-each.ts";
import { executeWriterAction } from "../writer/execute-writer-action.ts";
import { askIfGone } from "./ask-if-gone.ts";

/**
 * Asks Azure whether VMs that keep a volume from its next writer still exist and have the disk. Runs in a
 * loop of its own: the volume's loop never waits for Azure, and runs at each change of an attachment,
 * which a node may write as often as it likes. No change triggers a read before its time, but for one of a
 * node whose VM the record names otherwise: within a second. At most four reads of a volume each time; the
 * deletion of a VM takes longer.
 */
export function askAzureReconciler(ports: FencingPorts): Reconciler {
  return {
    name: "ask-azure",
    workers: 16,
    // Of a zone that is down, Azure may show no VM: that keeps no VM of another zone from being found gone.
    slowAfterMs: ASK_AGAIN_MS,
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
  let isAbsent = false;
  let failed: Failure | undefined;
  for (const { node, mayBeGone } of questions) {
    if (signal.aborted) break;
    if (mayBeGone) {
      const checked = await askIfGone(ports, { volumeName, volumeId }, node, signal);
      // One VM that Azure does not show for long keeps no other from being found gone.
      if (!checked.ok && checked.failure.kind !== "NotWriter") failed = oneToReport(failed, checked.failure);
    } else if (!isAbsent) {
      const checked = await planByVm(ports, volumeName, node, signal);
      if (!checked.ok) failed = oneToReport(failed, checked.failure);
      // The other questions were about a grant that has moved.
      else if (checked.value === "moved") break;
      // A VM that has moved may be shown at neither place, or still at the former one: nothing follows from
      // another answer about it. A fence from the former place may find no proof.
      isAbsent = !checked.ok || checked.value === "absent";
    }
  }
  if (failed !== undefined) return fail(failed);
  return ok(questions.length === 0 ? {} : { requeueAfterMs: ASK_AGAIN_MS });
}

/**
 * Carries out what follows from what Azure shows of a VM. `moved`: that was a change of the record; `absent`:
 * Azure shows none. A node's token may report any `vmId`: only Azure shows which VM is there.
 */
async function planByVm(
  ports: FencingPorts,
  volumeName: string,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<"moved" | "kept" | "absent">> {
  const { nodeName, instanceUri } = node;
  const before = ports.cache.get("AzVolume", volumeName)?.status?.record;
  const vm = await ports.cloud.inspectInstance(node, signal);
  if (!vm.ok) {
    if (vm.failure.kind !== "InstanceNotFound") return vm;
    // Absence is proven where a VM may be gone, which is not planned while its node sends heartbeats.
    ports.logger.info("VM not found: asked again", { volumeName, nodeName, instanceUri });
    return ok("absent");
  }
  // As it is by now: an answer may take long, and one before it may have moved the record.
  const observed = observeVolume(ports, volumeName);
  const record = observed === undefined ? undefined : recordOf(observed);
  // The answer says nothing of a grant that may be later.
  if (observed === undefined || record === undefined || isGrantedAgain(before, record)) return ok("kept");
  const plan = planWriter({ ...observed, vm: { ...vm.value, instanceUri } });
  // The volume's own loop carries out all other actions of this plan.
  const action = plan.find(
    (planned) =>
      planned.kind === "Revoke" || (planned.kind === "BeginFence" && isSameNode(planned.node, node)),
  );
  if (action === undefined) return ok("kept");
  const done = await executeWriterAction(ports, observed, action, signal);
  return done.ok ? ok("moved") : done;
}
