import { resourceUriKey } from "../../src/core/model/disk-uri.ts";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/arm-message.ts";
import { objectAt } from "../../src/emulator/model/json.ts";

/** VMs that Azure shows without their data disks. The disks stay where they are, and name the VM as their owner. */
export interface UnlistedDisks {
  /** From now on no read of the VM lists a data disk; the answer ends that. */
  unlist(instanceUri: string): () => void;
  /** What its caller sees of an answer. */
  shown(request: Pick<ArmRequest, "method" | "path">, answer: ArmAnswer): ArmAnswer;
}

/** Every VM is shown as it is, for now. */
export function createUnlistedDisks(): UnlistedDisks {
  const unlisted = new Set<string>();
  return {
    unlist: (instanceUri) => {
      const key = resourceUriKey(instanceUri);
      unlisted.add(key);
      return () => unlisted.delete(key);
    },
    shown: ({ method, path }, answer) => (unlisted.size > 0 && method === "GET" && unlisted.has(resourceUriKey(path)) ? withoutDataDisks(answer) : answer),
  };
}

function withoutDataDisks(answer: ArmAnswer): ArmAnswer {
  const body = objectAt(answer.body);
  const properties = objectAt(body, "properties");
  const storageProfile = objectAt(properties, "storageProfile");
  if (storageProfile === undefined) return answer;
  return { ...answer, body: { ...body, properties: { ...properties, storageProfile: { ...storageProfile, dataDisks: [] } } } };
}
