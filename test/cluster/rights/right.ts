import type { AuditedRequest } from "./audit-log.ts";

/** One verb for one resource, as a service account has it. */
export interface Right {
  readonly account: string;
  readonly verb: string;
  readonly apiGroup: string;
  /** With its subresource, such as `nodes/status`. */
  readonly resource: string;
  /** Undefined: in all namespaces, and of the cluster. */
  readonly namespace: string | undefined;
  /** Undefined: of any name. */
  readonly name: string | undefined;
}

/** A Role or ClusterRole. */
export interface RbacRole {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** A RoleBinding or ClusterRoleBinding. */
export interface RbacBinding {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly subjects: readonly { readonly name: string }[];
  readonly roleRef: { readonly kind: string; readonly name: string };
}

/** The rights that bindings grant by `roles`. One of another role, such as Kubernetes' own, adds none. */
export function rightsOf(bindings: readonly RbacBinding[], roles: readonly RbacRole[]): readonly Right[] {
  return bindings.flatMap(({ metadata: { namespace }, subjects, roleRef }) => {
    const role = roles.find(
      ({ metadata }) =>
        metadata.name === roleRef.name &&
        (roleRef.kind === "ClusterRole" || metadata.namespace === namespace),
    );
    return subjects.flatMap(({ name: account }) =>
      (role?.rules ?? []).flatMap(({ apiGroups, resources, resourceNames = [undefined], verbs }) =>
        apiGroups.flatMap((apiGroup) =>
          resources.flatMap((resource) =>
            resourceNames.flatMap((name) =>
              verbs.map((verb) => ({ account, verb, apiGroup, resource, namespace, name })),
            ),
          ),
        ),
      ),
    );
  });
}

/** Whether a right allows a request. */
export function allows(right: Right, request: AuditedRequest): boolean {
  return (
    right.account === request.account &&
    right.verb === request.verb &&
    right.apiGroup === request.apiGroup &&
    right.resource === request.resource &&
    (right.namespace ?? request.namespace) === request.namespace &&
    (right.name ?? request.name) === request.name
  );
}

/** A right or a request as people read it: `account: verb resource.group named name in namespace`. */
export function describeRight({ account, verb, apiGroup, resource, namespace, name }: Right): string {
  const group = apiGroup === "" ? "" : `.${apiGroup}`;
  const of = name === undefined || name === "" ? "" : ` named ${name}`;
  const where = namespace === undefined || namespace === "" ? "" : ` in ${namespace}`;
  return `${account}: ${verb} ${resource}${group}${of}${where}`;
}
