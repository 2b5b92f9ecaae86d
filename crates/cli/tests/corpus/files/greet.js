exports.run = async (inputs, context, logger) => {
  logger.info(`Greeting ${inputs.whom} in step ${context.stepCount}`);
  return { greeting: `Hello, ${inputs.whom}`, nested: inputs.nested };
};

exports.postRun = async (inputs, context, logger) => {
  logger.info(`The task is ${context.status}`);
};
