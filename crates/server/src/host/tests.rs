//! What hosts are sent, and what is made of their answers.
