import { ok, fail, type Result } from "../../core/failure/result.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { sharedReads } from "../../runtime/shared-reads.ts";
import type { ArmGroup } from "../arm/arm-api.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { toFailure } from "../arm/error-table.ts";
import { diskFactsOf } from "./disk-facts.ts";
import { listKeyOf } from "./disk-owners.ts";
import { DISK_LANE } from "./write-disk.ts";

/**
 * Lists the disks of a resource group. One list answers all callers that came before it was sent: each volume
 * whose disk a read does not find asks for one, a list of thousands of disks has many pages, and Azure allows
 * few.
 */
export function diskLists(
  session: ArmSession,
): (group: ArmGroup, signal: AbortSignal) => Promise<Result<readonly DiskFacts[]>> {
  return sharedReads({
    clock: session.clock,
    keyOf: listKeyOf,
    read: (group, onSent, signal) => listDisks(session, group, onSent, signal),
  });
}

async function listDisks(
  session: ArmSession,
  { subscriptionId, resourceGroup }: ArmGroup,
  onSent: () => void,
  signal: AbortSignal,
): Promise<Result<readonly DiskFacts[]>> {
  const group = { subscriptionId, resourceGroup };
  const listed = await session.call(
    { group: "diskList", resource: listKeyOf(group), lane: DISK_LANE },
    (clientRequestId, nextPage) => {
      onSent();
      return session.arm.listDisks({ ...group, clientRequestId, nextPage }, signal);
    },
    signal,
  );
  if (!listed.ok) return fail(toFailure(listed.failure, {}));
  return ok(
    listed.value
      .map(diskFactsOf)
      .sort((left, right) => (left.diskUri.toLowerCase() < right.diskUri.toLowerCase() ? -1 : 1)),
  );
}
