/** Chance as a port: a seed makes a whole run repeatable. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A new RFC 4122 version 4 UUID, lower case. */
  uuid(): string;
}
