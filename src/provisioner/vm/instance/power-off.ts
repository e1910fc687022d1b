import { isSameVmId, type NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { type Result, fail, ok } from "../../../core/failure/result.ts";
import type { Precondition } from "../../../ports/cloud/cloud-provisioner.ts";
import type { ArmError } from "../../arm/arm-api.ts";
import type { ArmSession } from "../../arm/arm-session.ts";
import { saysNotThere, toFailure } from "../../arm/error-table.ts";
import { endShownBy } from "../../arm/provisioning-state.ts";
import { callGroupsOf } from "../../arm/throttle-budget.ts";
import { armNameOf, readInstance, type VmTarget } from "../vm-update.ts";
import { powerStateOf } from "./instance-facts.ts";

const LANE = "failover";

/** Powers a VM off that runs, if `precondition` still allows it; see `CloudProvisioner.powerOff`. */
export async function powerOff(
  session: ArmSession,
  {
    vm,
    node: { nodeName, vmId },
    precondition,
  }: { readonly vm: VmTarget; readonly node: NodeIdentity; readonly precondition: Precondition },
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const failed = (error: ArmError): Result<never> =>
    fail(saysNotThere(error) ? { kind: "InstanceNotFound", nodeName } : toFailure(error, { nodeName }));
  const write = { group: callGroupsOf(vm).write, resource: vm.key, lane: LANE } as const;
  // No wait for the budget may come after the precondition: the request itself has none.
  const admitted = await session.untilAdmitted(write, signal);
  if (!admitted.ok) return failed(admitted.failure);
  const read = await readInstance(session, vm, { lane: LANE, instanceView: true }, signal);
  if (!read.ok) return failed(read.failure);
  if (!isSameVmId(read.value.vmId, vmId))
    return fail({ kind: "InstanceReplaced", nodeName, vmId: read.value.vmId });
  if (powerStateOf(read.value) !== "running" || !(await precondition(signal))) return ok(false);
  const started = await session.call(
    { ...write, patience: "none" },
    (clientRequestId) => session.arm.startVmPowerOff({ ...armNameOf(vm), clientRequestId }, signal),
    signal,
  );
  if (!started.ok) return failed(started.failure);
  const ended = await session.untilEnded(
    started.value,
    {
      resource: vm.key,
      lane: LANE,
      readEnd: async (callSignal) => {
        const now = await readInstance(session, vm, { lane: LANE }, callSignal);
        return now.ok ? endShownBy(now.value.provisioningState, `VM ${vm.name}`) : now;
      },
    },
    signal,
  );
  return ended.ok ? ok(true) : failed(ended.failure);
}
