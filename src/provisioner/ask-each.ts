import { fail } from "../core/result.ts";
import type { VmRequest } from "./vm-request.ts";

/** Asks `mayProceed` for each request and settles those that are refused; answers the others, without those whose callers gave up meanwhile. */
export async function askEach<P extends { readonly request: VmRequest }>(planned: readonly P[]): Promise<readonly P[]> {
  await Promise.all(
    planned.map(async ({ request }) => {
      try {
        if (!(await request.spec.mayProceed(request.signal))) {
          request.settle(fail({ kind: "Refused", diskUri: request.spec.diskUri, nodeName: request.spec.node.nodeName }));
        }
      } catch (bug) {
        // A callback that was cancelled has settled its request already; any other rejection is a bug of that caller alone.
        request.crash(bug);
      }
    }),
  );
  return planned.filter(({ request }) => !request.isSettled);
}
