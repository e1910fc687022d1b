import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { AdoptionPorts } from "../controller-ports.ts";

type Cloud = AdoptionPorts["cloud"];

/**
 * A cloud that reads the VM of each node once: that answer is for every caller, also for later ones. A read
 * that begins after this call must be fresh enough for all of them. A VM whose node has another name or uid
 * since is read again: the caller would join these with the GUID of an earlier VM at that resource id. A
 * failure is for the callers that wait for it; the next one reads again. All callers have the same `signal`.
 */
export function vmsReadOnce({
  cloud,
  users,
}: {
  readonly cloud: Cloud;
  readonly users: Pick<AdoptionPorts["users"], "cachedNode">;
}): Cloud {
  const reads = new Map<string, ReturnType<Cloud["inspectInstance"]>>();
  return {
    getDisk: (request, signal) => cloud.getDisk(request, signal),
    listDisks: (request, signal) => cloud.listDisks(request, signal),
    inspectInstance: async (request, signal) => {
      const { nodeName, instanceUri } = request;
      const key = [resourceUriKey(instanceUri), nodeName, users.cachedNode(nodeName).nodeUid].join(" ");
      const read = reads.get(key) ?? cloud.inspectInstance(request, signal);
      reads.set(key, read);
      let isKept = false;
      try {
        const answer = await read;
        isKept = answer.ok;
        return answer;
      } finally {
        if (!isKept && reads.get(key) === read) reads.delete(key);
      }
    },
  };
}
