import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { undefinedIf } from "../../../src/core/primitives/error-code.ts";
import { labHome } from "../../../testbed/lab/lab-home.ts";

const POLICY = fileURLToPath(new URL("audit-policy.yaml", import.meta.url));
const SERVICE_ACCOUNT = /^system:serviceaccount:kube-system:/u;
const RBAC = "rbac.authorization.k8s.io";
const REFUSED_FROM = 300;
/** What the authorizer says of a request: allow or forbid. */
const DECISION = "authorization.k8s.io/decision";

/** A request of a service account, as the API server's audit log has it. */
export interface AuditedRequest {
  /** The name of the account, without its namespace. */
  readonly account: string;
  readonly verb: string;
  readonly apiGroup: string;
  /** With its subresource, such as `nodes/status`; empty: a path that is no resource. */
  readonly resource: string;
  /** Empty: of the cluster, or of all namespaces. */
  readonly namespace: string;
  readonly name: string;
  /** Whether RBAC has allowed it; what admission refuses is allowed. Undefined: the log does not say. */
  readonly isAllowed: boolean | undefined;
  /** When it was answered, in milliseconds since 1970. */
  readonly atMs: number;
}

/** A lab's audit log. */
export interface AuditLog {
  readonly requests: readonly AuditedRequest[];
  /** When a role or a binding of the chart was changed, in milliseconds since 1970. */
  readonly rightsChangedAtMs: readonly number[];
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly stageTimestamp: string;
}

/** Flags of an API server that records what the driver's service accounts request. */
export function auditFlags(labName: string): readonly string[] {
  return [
    `--audit-policy-file=${POLICY}`,
    `--audit-log-path=${auditLogFile(labName)}`,
    // One file: the whole suite writes more than 100 MB, at which the API server begins another one.
    "--audit-log-maxsize=4000",
  ];
}

/** Reads the audit log of the lab called `labName`; undefined: its API server writes none. */
export async function readAuditLog(labName: string): Promise<AuditLog | undefined> {
  const text = await readFile(auditLogFile(labName), "utf8").catch(undefinedIf("ENOENT"));
  return text === undefined ? undefined : parseAuditLog(text);
}

/** Parses an audit log of one JSON object a line. The last line may be half written. */
export function parseAuditLog(text: string): AuditLog {
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  const events = complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent);
  return {
    requests: events.filter(({ user }) => SERVICE_ACCOUNT.test(user.username)).map(requestOf),
    rightsChangedAtMs: events
      .filter(isChangeOfRights)
      .map(({ stageTimestamp }) => Date.parse(stageTimestamp)),
  };
}

function auditLogFile(labName: string): string {
  return labHome(labName).path("logs", "audit.log");
}

function requestOf({ verb, user, objectRef, annotations, stageTimestamp }: AuditEvent): AuditedRequest {
  const { resource = "", subresource, namespace = "", name = "", apiGroup = "" } = objectRef ?? {};
  const decision = annotations?.[DECISION];
  return {
    account: user.username.replace(SERVICE_ACCOUNT, ""),
    verb,
    apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    isAllowed: decision === undefined ? undefined : decision === "allow",
    atMs: Date.parse(stageTimestamp),
  };
}

function isChangeOfRights({ objectRef, responseStatus }: AuditEvent): boolean {
  return (
    objectRef?.apiGroup === RBAC &&
    objectRef.name?.startsWith("csi-azuredisk") === true &&
    (responseStatus?.code ?? REFUSED_FROM) < REFUSED_FROM
  );
}
