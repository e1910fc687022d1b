/** A line that breaks a rule. */
export interface TextViolation {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly advice: string;
}
