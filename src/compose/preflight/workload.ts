/** A Deployment or DaemonSet, as far as the preflight reads it. */
export interface Workload {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly name: string;
          readonly image?: string;
          readonly args?: readonly string[];
        }[];
        readonly volumes?: readonly { readonly hostPath?: { readonly path: string } }[];
      };
    };
  };
  /** A DaemonSet has no such count. */
  readonly status?: { readonly availableReplicas?: number };
}

/** The answer to a list of them. */
export interface Workloads {
  readonly items?: readonly Workload[];
}
