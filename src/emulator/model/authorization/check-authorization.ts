import type { ArmMethod } from "../api/arm-message.ts";
import { type Access, type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, listAt, textAt } from "../api/json.ts";
import type { Grant, ModelSettings } from "../settings.ts";

/** A call, as far as its permissions depend on it. */
interface AuthorizedCall {
  readonly method: ArmMethod;
  readonly path: string;
  readonly caller: string;
  readonly body?: Json | undefined;
}

/** The entry of `permissions` for callers that have none of their own. */
const ANY_CALLER = "*";

/**
 * ARM's refusal of a call: a deny assignment forbids its action, no role of the caller allows it, or none
 * allows what it needs on a resource that its body names. Undefined: it is allowed.
 */
export function checkAuthorization(
  { permissions, deniedActions }: Pick<ModelSettings, "permissions" | "deniedActions">,
  call: AuthorizedCall,
): ArmFailure | undefined {
  const allowed = permissions[call.caller] ?? permissions[ANY_CALLER] ?? [];
  if (deniedActions.length === 0 && allowed.includes("*")) return undefined;
  const own = accessOf(call);
  if (isAmong(deniedActions, own.action))
    return armErrors.deniedByAssignment(call.caller, own.action, own.scope);
  if (!isGranted(allowed, own)) return armErrors.notAuthorized(call.caller, own.action, own.scope);
  const missing = linkedAccesses(call).find((access) => !isGranted(allowed, access));
  return missing === undefined ? undefined : armErrors.linkedNotAuthorized(call.caller, own, missing);
}

/**
 * The action that Azure checks for a call: the types in the path, and what the method does to the last one.
 * A list is checked on what it is a list of, a verb on its resource.
 */
export function accessOf({ method, path }: Pick<AuthorizedCall, "method" | "path">): Access {
  const segments = path.split("/").filter((segment) => segment !== "");
  // The tags of a resource are of a provider of their own.
  const provider = segments.findLastIndex((segment) => segment.toLowerCase() === "providers");
  if (provider < 0) {
    const types = segments.filter((_, index) => index % 2 === 0).join("/");
    return { action: `Microsoft.Resources/${types}/${verbs[method]}`, scope: path };
  }
  const inProvider = segments.slice(provider + 2);
  const types = inProvider.filter((_, index) => index % 2 === 0);
  const scope = inProvider.length % 2 === 1 ? segments.slice(0, -1) : segments;
  return {
    action: `${segments[provider + 1]}/${types.join("/")}/${verbs[method]}`,
    scope: `/${scope.join("/")}`,
  };
}

const verbs: Readonly<Record<ArmMethod, string>> = {
  GET: "read",
  HEAD: "read",
  PUT: "write",
  PATCH: "write",
  DELETE: "delete",
  POST: "action",
};

/** What a body's references need: Azure checks the writer's rights on each resource that it links. */
function linkedAccesses({ method, body }: AuthorizedCall): readonly Access[] {
  if (method !== "PUT" && method !== "PATCH") return [];
  const source = textAt(body, "properties", "creationData", "sourceResourceId");
  const encryptionSet = textAt(body, "properties", "encryption", "diskEncryptionSetId");
  const diskAccess = textAt(body, "properties", "diskAccessId");
  const dataDisks = listAt(body, "properties", "storageProfile", "dataDisks") ?? [];
  const disks = dataDisks.flatMap((entry) => textAt(entry, "managedDisk", "id") ?? []);
  const isSnapshot = /\/snapshots\/[^/]+$/i.test(source ?? "");
  const sourceType = isSnapshot ? "snapshots" : "disks";
  return [
    ...linked(`Microsoft.Compute/${sourceType}/beginGetAccess/action`, source),
    ...linked("Microsoft.Compute/diskEncryptionSets/read", encryptionSet),
    ...linked("Microsoft.Compute/diskAccesses/read", diskAccess),
    ...disks.flatMap((disk) => linked("Microsoft.Compute/disks/write", disk)),
  ];
}

function linked(action: string, scope: string | undefined): readonly Access[] {
  return scope === undefined || scope === "" ? [] : [{ action, scope }];
}

/** Whether one of a caller's roles has the action, at the scope or above it. */
function isGranted(grants: readonly Grant[], { action, scope }: Access): boolean {
  return grants.some((grant) =>
    typeof grant === "string"
      ? isAmong([grant], action)
      : isWithin(scope, grant.scope) && isAmong(grant.actions, action),
  );
}

function isWithin(scope: string, granted: string): boolean {
  const above = granted.toLowerCase().replace(/\/$/, "");
  return `${scope.toLowerCase()}/`.startsWith(`${above}/`);
}

/** Whether one of the patterns of a role, such as a type with `*`, has the action. */
export function isAmong(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split("*").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    return new RegExp(`^${parts.join(".*")}$`, "i").test(action);
  });
}
