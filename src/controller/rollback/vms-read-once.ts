import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { RollbackPorts } from "../controller-ports.ts";

type Cloud = RollbackPorts["cloud"];

/**
 * A cloud that reads each VM once: that answer is for every caller, also for later ones. A read that begins
 * after this call must be fresh enough for all of them. A failure is for the callers that wait for it; the
 * next one reads again. All callers have the same `signal`.
 */
export function vmsReadOnce(cloud: Cloud): Cloud {
  const reads = new Map<string, ReturnType<Cloud["inspectInstance"]>>();
  return {
    getDisk: (request, signal) => cloud.getDisk(request, signal),
    listDisks: (request, signal) => cloud.listDisks(request, signal),
    inspectInstance: async (request, signal) => {
      const key = resourceUriKey(request.instanceUri);
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
