"""What must stand around a job on Dataflow, as commands and Terraform that people review: nothing here is carried out."""
