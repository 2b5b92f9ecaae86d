/** x */
export function webhookPart() {
  return [];
}
