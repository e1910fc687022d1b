import { fail } from "../core/result.ts";
import type { MayProceed } from "../ports/cloud-provisioner.ts";
import type { VmRequest } from "./vm-request.ts";

/** Asks `mayProceed` for each request and settles those that are refused; answers the others, without those whose callers gave up meanwhile. */
export async function askEach<P extends { readonly request: VmRequest }>(planned: readonly P[]): Promise<readonly P[]> {
  await Promise.all(
    planned.map(async ({ request }) => {
      if ((await answerOf(request, request.spec.mayProceed)) === false) {
        request.settle(fail({ kind: "Refused", diskUri: request.spec.diskUri, nodeName: request.spec.node.nodeName }));
      }
    }),
  );
  return planned.filter(({ request }) => !request.isSettled);
}

/** Whether a detach of the request's disk that hangs may be forced. */
export async function askForForce(request: VmRequest): Promise<boolean> {
  return request.spec.mayForce !== undefined && (await answerOf(request, request.spec.mayForce)) === true;
}

async function answerOf(request: VmRequest, question: MayProceed): Promise<boolean | undefined> {
  try {
    return await question(request.signal);
  } catch (bug) {
    // A callback that was cancelled has settled its request already; any other rejection is a bug of that caller alone.
    request.crash(bug);
    return undefined;
  }
}
