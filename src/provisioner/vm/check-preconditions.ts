import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { fail } from "../../core/failure/result.ts";
import type { ArmDataDisk, ArmError, ArmVm } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import { diskKeyOf } from "../disk/disk-key.ts";
import type { VmRequest } from "./vm-request.ts";

/**
 * Checks `precondition` for each request and ends those that it does not allow; returns the others, without
 * those whose callers have given up.
 */
export async function checkPreconditions<P extends { readonly request: VmRequest }>(
  planned: readonly P[],
): Promise<readonly P[]> {
  await Promise.all(
    planned.map(async ({ request }) => {
      const { precondition, diskUri, node } = request.spec;
      const answer = await answerOf(request, precondition);
      if (answer !== true)
        request.settle(fail(answer || { kind: "Refused", diskUri, nodeName: node.nodeName }));
    }),
  );
  return planned.filter(({ request }) => !request.isSettled);
}

/** Whether `precondition` allows an update for the request; one that is refused stays open. */
export async function isAllowed(request: VmRequest): Promise<boolean> {
  return (await answerOf(request, request.spec.precondition)) === true;
}

/** Whether a hanging detach of the request's disk may be forced. */
export async function mayForce(request: VmRequest): Promise<boolean> {
  return (
    request.spec.forcePrecondition !== undefined &&
    (await answerOf(request, request.spec.forcePrecondition)) === true
  );
}

/**
 * Where the VM lists foreign detaches (marked entries that are in no `ownKeysOf` of the remaining requests),
 * checks `mayCompleteDetach` for each request. Ends those that have to wait, and returns the others. The disk
 * that an ended request was to detach becomes foreign to the others, which are checked again.
 */
export async function checkForeignDetaches<P extends { readonly request: VmRequest }>(
  planned: readonly P[],
  options: { readonly model: ArmVm; readonly ownKeysOf: (planned: readonly P[]) => ReadonlySet<string> },
): Promise<readonly P[]> {
  const { model, ownKeysOf } = options;
  const ownKeys = ownKeysOf(planned);
  const leaving = foreignDetaches(model, ownKeys);
  if (leaving.length === 0) return planned;
  const uris = leaving.map((entry) => entry.managedDisk?.id ?? "");
  await Promise.all(
    planned.map(async ({ request }) => {
      const { mayCompleteDetach } = request.spec;
      if (
        mayCompleteDetach !== undefined &&
        (await answerOf(request, (signal) => mayCompleteDetach(uris, signal))) === false
      )
        request.settleFailed(detachPending(model, leaving));
    }),
  );
  const allowed = planned.filter(({ request }) => !request.isSettled);
  return ownKeysOf(allowed).size === ownKeys.size ? allowed : checkForeignDetaches(allowed, options);
}

/** The marked entries of the VM's list that detach none of `ownKeys`. */
export function foreignDetaches(model: ArmVm, ownKeys: ReadonlySet<string>): readonly ArmDataDisk[] {
  return model.dataDisks.filter((entry) => entry.toBeDetached === true && !ownKeys.has(diskKeyOf(entry)));
}

function detachPending({ name: vmName }: ArmVm, leaving: readonly ArmDataDisk[]): ArmError {
  return ownError(
    "OthersDetachPending",
    `VM ${vmName} lists ${leaving.map(({ name }) => name ?? "?").join(", ")} as being detached, ` +
      "and it may be in use there: any update would detach it",
  );
}

/**
 * Which of the foreign detaches that the VM lists some of these fences force with their own. Ends those that
 * have to wait all the same.
 */
export async function forcedDetachesOf(
  fences: readonly VmRequest[],
  options: { readonly model: ArmVm; readonly ownKeys: ReadonlySet<string> },
): Promise<ReadonlySet<string>> {
  const leaving = foreignDetaches(options.model, options.ownKeys);
  // Azure forces only managed disks.
  const uris = leaving.flatMap(({ managedDisk }) => managedDisk?.id ?? []);
  if (uris.length === 0) return new Set();
  const answers = await Promise.all(
    fences.map(async (request) => {
      const { forcedDetaches } = request.spec;
      if (forcedDetaches === undefined) return [];
      const forced = await answerOf(request, (signal) => forcedDetaches(uris, signal));
      if (forced === undefined) request.settleFailed(detachPending(options.model, leaving));
      return forced ?? [];
    }),
  );
  return new Set(answers.flat().map(resourceUriKey));
}

async function answerOf<T>(
  request: VmRequest,
  question: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await question(request.signal);
  } catch (bug) {
    // A cancelled callback has ended its request already; any other rejection is a bug of that caller
    // alone.
    request.crash(bug);
    return undefined;
  }
}
