import type { EventReason } from "../../core/events/event-reasons.ts";

/** An event for people, on the object that they look at. */
export interface DriverEvent {
  readonly about: { readonly kind: "AzVolume" | "AzDriverNode" | "Node" | "Lease"; readonly name: string };
  /** Also decides its severity, its other recipients and the remedy. */
  readonly reason: EventReason;
  /** A plain sentence without its full stop: the state, with names. The remedy is appended. */
  readonly message: string;
  /** The node that an event about a volume names; a recipient where the reason says so. */
  readonly nodeName?: string;
  /**
   * Nodes on which pods wait for the volume, recipients where the reason says so. Default: wherever a pod
   * waits for it.
   */
  readonly waitingOn?: readonly string[];
  /**
   * What must change to make it a new event, where the message holds varying numbers; client-go's events
   * correlator has this term. Default: the message.
   */
  readonly localKey?: string;
}

/**
 * Emits events on the objects that people look at: the volume, its claim, the pods that wait for it, the
 * node. Never fails and never waits: a failed write is logged. Callers may repeat an event while its
 * state lasts; it is emitted once, and again only now and then.
 */
export interface Events {
  emit(event: DriverEvent): void;
}
