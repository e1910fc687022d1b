import { isSameVmId, type NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { isOff, mayRun, type PowerState } from "../../../core/azure/power-state.ts";
import { type Result, fail, ok } from "../../../core/failure/result.ts";
import type { Precondition } from "../../../ports/cloud/cloud-provisioner.ts";
import type { ArmError } from "../../arm/arm-api.ts";
import { ownError } from "../../arm/arm-error.ts";
import type { ArmSession } from "../../arm/arm-session.ts";
import { saysNotThere, toFailure } from "../../arm/error-table.ts";
import { endShownBy } from "../../arm/provisioning-state.ts";
import { callGroupsOf } from "../../arm/throttle-budget.ts";
import { armNameOf, readInstance, type VmTarget } from "../vm-update.ts";
import { powerStateOf } from "./instance-facts.ts";

const LANE = "failover";

/** Powers a VM off that runs, or may, if `precondition` still allows it; see `CloudProvisioner.powerOff`. */
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
  const isAllowed = mayRun(powerStateOf(read.value)) && (await precondition(signal));
  if (isAllowed !== true) return isAllowed ? fail(isAllowed) : ok(false);
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
        const now = await readInstance(session, vm, { lane: LANE, instanceView: true }, callSignal);
        if (!now.ok) return now;
        const end = endShownBy(now.value.provisioningState, `VM ${vm.name}`);
        if (!end.ok || !isSameVmId(now.value.vmId, vmId)) return end;
        // Also the read of a VM whose power-off Azure does not show yet has no operation.
        return isOff(powerStateOf(now.value)) ? end : ok(undefined);
      },
    },
    signal,
  );
  if (!ended.ok) return failed(ended.failure);
  // An operation may end without effect.
  const after = await readInstance(session, vm, { lane: LANE, instanceView: true }, signal);
  if (!after.ok) return failed(after.failure);
  if (!isSameVmId(after.value.vmId, vmId))
    return fail({ kind: "InstanceReplaced", nodeName, vmId: after.value.vmId });
  const powerState = powerStateOf(after.value);
  return isOff(powerState) ? ok(true) : failed(withoutEffect(vm, powerState));
}

function withoutEffect({ name }: VmTarget, powerState: PowerState): ArmError {
  const message = `the power-off of VM ${name} ended, and Azure shows the VM as ${powerState}`;
  return { ...ownError("OperationFailed", message), statusCode: 200 };
}
