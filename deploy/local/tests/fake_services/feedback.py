from fake import main

main("feedback")
