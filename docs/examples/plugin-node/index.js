'use strict';

exports.run = async (inputs, context, logger) => {
  const greeting = `Hello, ${inputs.who}`;
  logger.info(greeting);
  return { greeting };
};

exports.postRun = async (inputs, context, logger) => {
  logger.info(`Goodbye, ${inputs.who}`);
};
