import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import type { FailureOf } from "../../core/failure/failure.ts";

/** A VM lists a disk as one that is coming off: nothing is to be built on where it is. */
export function stillDetaching({
  instanceUri,
}: Pick<NodeIdentity, "instanceUri">): FailureOf<"CloudUnavailable"> {
  return {
    kind: "CloudUnavailable",
    code: "DiskStillDetaching",
    message: `VM ${instanceUri} lists the disk as one that is coming off`,
    requestId: "",
  };
}
