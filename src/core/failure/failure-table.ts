import { cloudFailures } from "./cloud-failures.ts";
import type { FailureRows } from "./failure-row.ts";
import { localFailures } from "./local-failures.ts";
import { requestFailures } from "./request-failures.ts";

/** One row for each kind of failure. A kind without a row does not compile. */
export const failureTable: FailureRows = { ...requestFailures, ...cloudFailures, ...localFailures };
